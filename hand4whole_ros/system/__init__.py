"""The process: signals, streams, threads, memory, progress, and files that are written whole or not at all."""
