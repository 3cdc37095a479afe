/* SPDX-License-Identifier: MIT */
#include "crmodel/crm.h"

const struct crm_bit crm_bits[] = {
#define CRM_CR0_BIT(name, bit, class)		    {CRM_CR0, #name, BIT(bit)},
#define CRM_CR4_BIT(name, bit, class, w, cpuid_bit) {CRM_CR4, #name, BIT(bit)},
#include "crmodel/crm_bits.def"
	{CRM_CRS, NULL, 0},
};
