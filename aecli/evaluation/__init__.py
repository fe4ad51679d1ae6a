"""What a trained autoencoder is worth: reconstruction, terms, bound, likelihood, representation."""
