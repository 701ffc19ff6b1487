"""Where tasks run: this process, local worker processes, a Dask cluster; what happens on Ctrl-C."""
