/* SPDX-License-Identifier: Apache-2.0 */
#include "load/load.h"

const struct workload workloads_idle[] = {
	{0},
};
