"""One package a paper: its settings, problems, evaluation, tables, figures and videos. No paper imports another."""
