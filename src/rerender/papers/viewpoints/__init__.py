"""Viewpoint optimisation (TVDRNet, adaptive viewpoint position learning): which camera took this picture, and which sees best?"""
