"""Environment-map editing with R-SIREN (arXiv 2410.18622): which sky makes the render look like that?"""
