"""What the machine offers: LLVM, CUDA, threads, caches; and the doctor that reports on them."""
