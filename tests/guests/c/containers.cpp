// Keeps what the host passes in containers, optionals, lambdas and globals of C++.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "externref.hpp"

using externref::borrowed;
using externref::ref;

EXTERNREF_RESOURCE(Thing);

EXTERNREF_IMPORT("host", "look", u32, look, (ref(Thing), thing));
EXTERNREF_IMPORT("host", "give", void, give, (own(Thing), thing));

namespace {
std::vector<ref<Thing>> list;
std::map<std::string, ref<Thing>> named;
std::optional<ref<Thing>> perhaps;
std::vector<std::function<unsigned()>> callbacks;
}  // namespace

EXTERNREF_EXPORT("push", void, push, (own(Thing), thing)) { list.push_back(std::move(thing)); }

EXTERNREF_EXPORT("name", void, name, (str, key), (own(Thing), thing)) {
    named[std::string(key.data, key.length)] = std::move(thing);
}

EXTERNREF_EXPORT("find", optref(Thing), find, (str, key)) {
    auto found = named.find(std::string(key.data, key.length));
    return found == named.end() ? borrowed<Thing>() : borrowed<Thing>(found->second);
}

EXTERNREF_EXPORT("set", void, set, (optown(Thing), thing)) {
    if (thing) {
        perhaps = std::move(thing);
    } else {
        perhaps.reset();
    }
}

EXTERNREF_EXPORT("call-later", void, call_later, (ref(Thing), thing)) {
    auto shared = std::make_shared<ref<Thing>>(thing.clone());
    callbacks.push_back([shared] { return look(*shared); });
}

EXTERNREF_EXPORT("sum", u32, sum) {
    unsigned sum = 0;
    for (auto &thing : list) sum += look(thing);
    for (auto &[key, thing] : named) sum += look(thing);
    if (perhaps) sum += look(*perhaps);
    for (auto &callback : callbacks) sum += callback();
    return sum;
}

EXTERNREF_EXPORT("reverse", void, reverse) {
    for (size_t i = 0, j = list.size(); i + 1 < j; i++) {
        j--;
        swap(list[i], list[j]);
    }
}

EXTERNREF_EXPORT("pop", optown(Thing), pop) {
    if (list.empty()) return nullptr;
    ref<Thing> last = std::move(list.back());
    list.pop_back();
    return last;
}

EXTERNREF_EXPORT("clear", void, clear) {
    list.clear();
    named.clear();
    perhaps.reset();
    callbacks.clear();
}
