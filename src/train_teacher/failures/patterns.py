"""Patterns of failures that the training process itself also looks out for."""

from __future__ import annotations

GPU_MEMORY_FULL = (
    r"(CUDA|HIP) (error: )?out of memory|(CUDNN|(CU|HIP)BLAS)_STATUS_ALLOC_FAILED|"
    # cuDNN and cuBLAS find no room for themselves.
    r"(CUDNN|CUBLAS)_STATUS_NOT_INITIALIZED|unable to find an engine"
)
CPU_MEMORY_FULL = r"can't allocate memory|not enough memory|std::bad_alloc"
MEMORY_FULL = f"{GPU_MEMORY_FULL}|{CPU_MEMORY_FULL}"
"""Messages of PyTorch's allocators, the driver, cuDNN and cuBLAS."""

PEER_ENDED = (
    r"Connection (closed|reset) by (peer|remote peer)|gloo/transport|"
    r"Broken pipe.*(gloo|TCPStore)|recvValue failed|failed to recv, got 0 bytes"
)
"""Messages of a process whose peer is gone."""

NOT_FINITE = (
    r"matrix contains invalid numeric entries|loss (became|become|is) "
    r"(infinite|nan|not finite)|contains (nan|non-finite)|returned nan values|"
    r"scores must not be nan"
)
"""Messages of the libraries about NaN or infinite values."""
