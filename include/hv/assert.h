/* SPDX-License-Identifier: MIT */
/* ASSERT states an invariant of Lamina's own, never of the guest. It is always compiled in. */
#ifndef HV_ASSERT_H
#define HV_ASSERT_H

#if __STDC_HOSTED__
#include <assert.h>
#define ASSERT(cond) assert(cond)
#else
_Noreturn void assert_failed(const char *file, int line, const char *cond);
#define ASSERT(cond) ((cond) ? (void)0 : assert_failed(__FILE__, __LINE__, #cond))
#endif

#endif
