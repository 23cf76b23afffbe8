"""Parity with the authors' implementation: deterministic weights by name, and fixtures measured on their code."""
