/* SPDX-License-Identifier: MIT */
/* RFLAGS (Intel SDM vol. 1, 3.4.3). */
#ifndef X86_RFLAGS_H
#define X86_RFLAGS_H

#include "hv/types.h"

#define RFLAGS_CF    BIT(0)
#define RFLAGS_FIXED BIT(1) /* always reads 1 */
#define RFLAGS_PF    BIT(2)
#define RFLAGS_ZF    BIT(6)
#define RFLAGS_SF    BIT(7)
#define RFLAGS_TF    BIT(8)
#define RFLAGS_IF    BIT(9)
#define RFLAGS_OF    BIT(11)
#define RFLAGS_NT    BIT(14)
#define RFLAGS_RF    BIT(16)
#define RFLAGS_VM    BIT(17)

#define RFLAGS_WRITABLE 0x3f7fd5ull /* all there are but bit 1 */

#endif
