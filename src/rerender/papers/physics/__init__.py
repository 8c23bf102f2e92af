"""Physical parameters from video: ∇Sim (Jatavallabhula, Macklin et al. 2021)."""
