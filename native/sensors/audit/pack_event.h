#pragma once

#include "../../batch.h"
#include "audit_event.h"

namespace process_ancestry::audit {

void pack_event(const AuditEvent& event, Batch& batch);

}  // namespace process_ancestry::audit
