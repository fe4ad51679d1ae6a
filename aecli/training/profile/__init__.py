"""Where the time of a training goes: a trace of some of its steps, and what the trace says."""
