"""Calls of compiled functions: what takes arguments apart, traces, and keeps programs for kinds of arguments."""
