"""The public window on a community: event index, dashboard, JSON twins, relay. Imports only `node` of ours."""
