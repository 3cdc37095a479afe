/* SPDX-License-Identifier: MIT */
/*
 * The integer types of the whole tree. Widths are those of the architecture, never of the host
 * compiler: `unsigned long` is used nowhere.
 *
 * gpa_t and hpa_t are one-member structs so that the compiler refuses to mix a guest-physical with
 * a host-physical address. Guest and host addresses are equal in number (Lamina maps the machine
 * one to one), and the few places that rely on it say so.
 */
#ifndef HV_TYPES_H
#define HV_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

typedef struct {
	u64 v;
} gpa_t; /* guest-physical address, bytes */

typedef struct {
	u64 v;
} hpa_t; /* host-physical address, bytes */

#define GPA(x) ((gpa_t){(x)})
#define HPA(x) ((hpa_t){(x)})

#define BIT(n)	      (1ULL << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ULL
#define PAGE_2M	   (1ULL << 21)
#define PAGE_1G	   (1ULL << 30)

#define KiB(n) ((u64)(n) << 10)
#define MiB(n) ((u64)(n) << 20)
#define GiB(n) ((u64)(n) << 30)

static inline u64 align_down(u64 x, u64 a)
{
	return x & ~(a - 1);
}

static inline u64 align_up(u64 x, u64 a)
{
	return align_down(x + a - 1, a);
}

/* One bit of a bitmap. */
static inline void bit_set(u8 *map, u32 bit, bool on)
{
	map[bit / 8] = (u8)((map[bit / 8] & ~(1u << bit % 8)) | (u32)on << bit % 8);
}

#endif
