//! T1: the model of the simulated disk, statement by statement.
