#define SIZE 100
typedef unsigned u32_count;
