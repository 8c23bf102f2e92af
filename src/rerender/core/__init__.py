"""Values that every layer shares: errors, files, seeds, meshes, cameras, images. Imports NumPy only."""
