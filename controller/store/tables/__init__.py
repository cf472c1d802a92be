"""All tables, of one `MetaData`: whoever imports one of them has them all, as the migrations do. [pure]"""

from controller.store.tables import (
    api as api,
    call_snapshots as call_snapshots,
    events as events,
    nodes as nodes,
    outbound as outbound,
    records as records,
    resources as resources,
    usage as usage,
)
