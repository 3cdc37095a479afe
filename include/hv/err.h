/* SPDX-License-Identifier: MIT */
/*
 * Errors of bring-up are sentences, not numbers: a function that can fail returns NULL for success
 * or the one line that the user will read. Nothing on the exit path returns an error of this kind.
 */
#ifndef HV_ERR_H
#define HV_ERR_H

typedef const char *err_t;

#define OK ((err_t)0)

#endif
