/* SPDX-License-Identifier: MIT */
#ifndef CORE_VERSION_H
#define CORE_VERSION_H

/* Major, minor, patch in a byte each */
#define LAMINA_VERSION	    0x000100u
#define LAMINA_VERSION_TEXT "0.1.0"

#endif
