"""The process: signals, streams, threads, memory, progress, and files that are written completely or not at all."""
