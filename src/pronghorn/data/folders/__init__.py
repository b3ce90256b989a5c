"""Data sets and images from files and folders."""
