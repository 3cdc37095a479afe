/* SPDX-License-Identifier: MIT */
/* The parts of the group `event`. */
#ifndef TESTKERNEL_CASES_EVENT_H
#define TESTKERNEL_CASES_EVENT_H

void event_debug(void);
void event_shadow(void);
void event_stack(void);

#endif
