"""Training: the objective's minimum sought by a compiled chunk of pure steps; checkpoints; resuming."""
