"""The model: minimise over f, g  E_x E_{x~ ~ C(.|x)} [L(x, g(b(f(x~))))] + sum_i lambda_i Omega_i; a room a symbol."""
