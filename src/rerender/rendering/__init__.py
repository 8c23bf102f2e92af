"""Mitsuba: variants, scene building from plain values, differentiable rendering, tone curves, baked skies."""
