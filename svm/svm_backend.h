/* SPDX-License-Identifier: MIT */
#ifndef SVM_BACKEND_H
#define SVM_BACKEND_H

#include "hv/backend.h"

extern const struct backend svm_backend;

#endif
