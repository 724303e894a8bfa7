#pragma once

#include "../batch.h"

namespace process_ancestry::test {

// One event of each kind, with no field at its default. The TypeScript decoder is tested with them.
void pack_samples(Batch& batch);

}  // namespace process_ancestry::test
