"""Network architectures in plain torch, with the parameter names of their published weights."""
