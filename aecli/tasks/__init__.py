"""What people do with autoencoders: train, check, evaluate, embed, reconstruct, sample, find anomalies."""
