"""Environment map editing with R-SIREN (arXiv 2410.18622): which sky makes a scene look like a retouched picture?"""
