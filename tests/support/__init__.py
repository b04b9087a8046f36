"""What the tests of several rooms, and the benchmarks, share. Nothing here leans on either."""
