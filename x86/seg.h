/* SPDX-License-Identifier: MIT */
/* Segments: selectors of Lamina's own GDT and access rights in VMCS form. */
#ifndef X86_SEG_H
#define X86_SEG_H

/* Lamina's GDT, the same on every CPU */
#define SEL_CODE64 0x08
#define SEL_DATA   0x10
#define SEL_CODE32 0x18
#define SEL_CODE16 0x20
#define SEL_DATA16 0x28
#define SEL_TSS	   0x30
#define GDT_SIZE   0x40

/* Access rights as the VMCS stores them (Intel SDM vol. 3C, 25.4.1, table 25-2) */
#define SEG_AR_TYPE_DATA_RW   0x3u /* accessed */
#define SEG_AR_TYPE_CODE_RX   0xbu /* accessed */
#define SEG_AR_TYPE_LDT	      0x2u
#define SEG_AR_TYPE_TSS_BUSY  0xbu
#define SEG_AR_TYPE_TSS16BUSY 0x3u
#define SEG_AR_TYPE(ar)	      ((ar)&15)
#define SEG_AR_TSS32	      (1u << 3)
#define SEG_AR_S	      (1u << 4)
#define SEG_AR_DPL(ar)	      (((ar) >> 5) & 3)
#define SEG_AR_DPL_IS(dpl)    ((dpl) << 5)
#define SEG_AR_P	      (1u << 7)
#define SEG_AR_L	      (1u << 13)
#define SEG_AR_DB	      (1u << 14)
#define SEG_AR_G	      (1u << 15)
#define SEG_AR_UNUSABLE	      (1u << 16)

#endif
