"""Rendered model metamers (MRD, arXiv 2512.12307): which scene looks the same to a vision model?"""
