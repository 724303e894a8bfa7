#pragma once

#include "../batch.h"

namespace process_ancestry::test {

// One event of each kind, no field at its default: what the TypeScript decoder is held to.
void pack_samples(Batch& batch);

}  // namespace process_ancestry::test
