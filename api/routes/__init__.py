"""Routes, one noun a file; each page stands beside its JSON twin."""

from api.routes import (
    artifacts,
    charter,
    checkpoints,
    content,
    contributions,
    docs,
    health,
    incidents,
    members,
    overview,
    proposals,
    relay,
    rounds,
    runs,
)

ROUTERS = (
    overview.router,
    runs.router,
    rounds.router,
    contributions.router,
    checkpoints.router,
    proposals.router,
    charter.router,
    members.router,
    artifacts.router,
    incidents.router,
    content.router,
    relay.router,
    health.router,
    docs.router,
)
