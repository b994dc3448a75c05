"""Tests of data_scripts."""
