/* SPDX-License-Identifier: MIT */
#ifndef HYPAPP_SERVICE_WATCH_H
#define HYPAPP_SERVICE_WATCH_H

#include "hv/exit.h"
#include "hv/watch.h"

/* An exit that no hypapp has answered: done, if only a watch made it exit and core's handler would
 * do it wrong. */
enum exit_answer watch_on_exit(struct vcpu *v, const struct exit *x);

#endif
