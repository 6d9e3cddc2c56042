//! Native processes and what they need: binaries, ports, probes, logs.
