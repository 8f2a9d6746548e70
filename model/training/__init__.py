"""Training: one step, a whole run with exact resume, averages, adapters, memory, several processes."""
