"""Published packages that stand on HIPS autograd, and HIPS's own tests and examples, as tests of `autograd`."""
