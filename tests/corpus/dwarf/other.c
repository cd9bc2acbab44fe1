#define CUBE(value) ((value) * (value) * (value))

static int folded(int value) {
  int low = value & 0xff;
  if (low == 7)
    return CUBE(low);
  return low ^ (value >> 8);
}

__attribute__((noinline)) int mix(int value, int times) {
  for (int i = 0; i < times; i++)
    value = folded(value + CUBE(i));
  return value;
}

__attribute__((noinline)) long long also_dropped(long long value) {
  return value / 3;
}
