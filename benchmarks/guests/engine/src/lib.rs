//! A JavaScript engine whose scripts walk a document of the host: the large module of the benchmarks.
//!
//! The features say whose crate makes references of the host's nodes, `externref` or `wasm-bindgen`; the program is the
//! same.

use std::{cell::RefCell, rc::Rc};

use boa_engine::context::time::FixedClock;
use boa_engine::{js_string, Context, JsArgs, JsNativeError, JsResult, JsValue, NativeFunction, Source};

#[cfg_attr(feature = "wasm-bindgen", path = "bindgen.rs")]
mod host;

#[cfg(feature = "several")]
mod several;

use host::{Document, Node};

struct State {
    document: Document,
    nodes: Vec<Option<Node>>,
}

impl State {
    fn keep(&mut self, node: Option<Node>) -> JsValue {
        let Some(node) = node else { return JsValue::null() };
        self.nodes.push(Some(node));
        JsValue::from(self.nodes.len() as i32 - 1)
    }
}

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

fn with_state<T>(action: impl FnOnce(&mut State) -> T) -> JsResult<T> {
    STATE.with_borrow_mut(|state| match state {
        Some(state) => Ok(action(state)),
        None => Err(JsNativeError::error().with_message("there is no document").into()),
    })
}

fn with_node<T>(handle: &JsValue, context: &mut Context, action: impl FnOnce(&mut State, &Node) -> T) -> JsResult<T> {
    let index = handle.to_u32(context)? as usize;
    with_state(|state| {
        let node = state.nodes.get_mut(index)?.take()?;
        let result = action(state, &node);
        state.nodes[index] = Some(node);
        Some(result)
    })?
    .ok_or_else(|| JsNativeError::range().with_message("there is no such node").into())
}

fn root(_: &JsValue, _: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    with_state(|state| {
        let node = host::root(&state.document);
        state.keep(node)
    })
}

fn child(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let index = arguments.get_or_undefined(1).to_u32(context)?;
    with_node(arguments.get_or_undefined(0), context, |state, node| {
        let found = host::child(node, index);
        state.keep(found)
    })
}

fn weight(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    with_node(arguments.get_or_undefined(0), context, |_, node| JsValue::from(host::weight(node)))
}

fn append(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let index = arguments.get_or_undefined(1).to_u32(context)? as usize;
    let node = with_state(|state| state.nodes.get_mut(index).and_then(Option::take))?;
    with_node(arguments.get_or_undefined(0), context, |_, parent| {
        if let Some(node) = node {
            host::append(parent, node);
        }
    })?;
    Ok(JsValue::undefined())
}

/// Run a script that calls `root`, `child`, `weight` and `append`; return the node that it ends with.
fn evaluate(document: Document, source: &[u8]) -> Option<Node> {
    let clock = Rc::new(FixedClock::from_millis(0)); // the target has none
    let mut context = Context::builder().clock(clock).build().ok()?;
    for (name, arity, function) in [
        ("root", 0, root as fn(&JsValue, &[JsValue], &mut Context) -> JsResult<JsValue>),
        ("child", 2, child),
        ("weight", 1, weight),
        ("append", 2, append),
    ] {
        context.register_global_callable(js_string!(name), arity, NativeFunction::from_fn_ptr(function)).ok()?;
    }
    STATE.set(Some(State { document, nodes: Vec::new() }));
    let result = context.eval(Source::from_bytes(source)).ok().and_then(|value| value.to_u32(&mut context).ok());
    let mut state = STATE.take()?;
    state.nodes.get_mut(result? as usize)?.take()
}
