// For what the compiler defines by itself.
