"""Differentiable physics: rigid bodies, tetrahedra, shells and springs, with torch at the boundary."""
