// Compiled by build.py. What the debug info of this module has: inlined calls (also into each other), a function that
// the linker drops, lexical blocks, variables that move between locals, variables in memory, several units.

int steps[100];
int mix(int value, int times);

static int twice(int value) {
  if (value > 3)
    return value * 2;
  return value + 1;
}

static int checked(int value) {
  if (value > 1000)
    __builtin_trap();
  return twice(value);
}

__attribute__((noinline)) int sum(int count, int factor) {
  int total = 0;
  for (int i = 0; i < count; i++) {
    int step = checked(i * factor);
    steps[i % 100] = step;
    total += step;
  }
  return total;
}

__attribute__((noinline)) int dropped(int index) {
  return steps[index % 100] + 1;
}

__attribute__((export_name("run"))) int run(int count) {
  int result = 0;
  for (int i = 0; i < count; i++)
    result += sum(i, count);
  return mix(result, steps[count % 100]);
}

__attribute__((export_name("run_float"))) float run_float(float value) {
  return value / (float)run((int)value);
}
