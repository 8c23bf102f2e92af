"""Image, geometry and texture metrics: plain floats from arrays and meshes."""
