//! Checks the answer to a batch (2025-03-26, basic, "Batching"): each request in it is answered once,
//! in any order, and nothing else is.

use std::collections::BTreeMap;

use super::{Ending, check_progress, ending_of, message_of, object, raw, results, session};
use crate::http::Response;
use crate::sent::{Kind, Message, Sent};

/// The positions of the members that have that id.
pub(super) fn members_with_id(members: &[Message], id: &str) -> Vec<usize> {
    let is_named = |position: &usize| members[*position].id.as_deref() == Some(id);
    (0..members.len()).filter(is_named).collect()
}

/// Checks an array or a stream that answers a batch.
pub(super) fn check(response: &Response, members: &[Message], request: &Sent) -> Ending {
    let messages = response.messages();
    assert!(!response.is_batch() || !messages.is_empty(), "an empty array");
    let has_answer = |position: &usize| members[*position].kind != Kind::Silent;
    let mut open: Vec<usize> = (0..members.len()).filter(has_answer).collect();
    assert!(!open.is_empty(), "a batch in which nobody waits for an answer has one");
    let mut endings = Vec::new();
    let mut progress = BTreeMap::new();
    let mut questions = Vec::new();
    for json in messages {
        let message = message_of(json);
        if session::is_of_session(&message) {
            session::check_message(&message, request, &mut questions);
        } else if message.contains_key("method") {
            assert!(!response.is_batch(), "a notification in an array: {json}");
            let token = object(&message, "params").remove("progressToken").expect("a token");
            let has_token =
                |member: &Message| member.progress_token.as_deref() == Some(token.get());
            // Of several that have one id, it is not known which have been answered.
            let is_open = |at: &usize| {
                let is_named = |id: &String| members_with_id(members, id).len() > 1;
                open.contains(at) || members[*at].id.as_ref().is_some_and(is_named)
            };
            let asked = (0..members.len()).filter(is_open).map(|at| &members[at]);
            let mut asked = asked.filter(|member| has_token(member));
            let asked = asked.next().unwrap_or_else(|| panic!("nobody asked for {json}"));
            let now = check_progress(&message, asked);
            let last = progress.insert(token.get().to_owned(), now);
            let is_shared = members.iter().filter(|member| has_token(member)).count() > 1;
            assert!(is_shared || last.is_none_or(|last| now > last), "no progress: {json}");
        } else {
            let ending = ending_of(&message);
            let at = take_answered(&mut open, members, raw(&message, "id"), &ending);
            let named = raw(&message, "id").map(|id| members_with_id(members, id));
            let at = Some(at).filter(|_| named.is_none_or(|named| named.len() == 1));
            if let (Ending::Result(_), Some(at)) = (&ending, at) {
                results::check(&object(&message, "result"), &members[at], request.revision());
            }
            endings.push((at, ending));
        }
    }
    if open.is_empty() { Ending::Batch(endings) } else { Ending::Open }
}

/// Takes the member that a response answers from those that are open.
fn take_answered(
    open: &mut Vec<usize>,
    members: &[Message],
    id: Option<&str>,
    ending: &Ending,
) -> usize {
    let is_error = matches!(ending, Ending::Error(_));
    let find = |is_it: &dyn Fn(&Message) -> bool| open.iter().position(|&at| is_it(&members[at]));
    let has_id = |member: &Message| id.is_some() && member.id.as_deref() == id;
    let is_invalid = |member: &Message| member.kind == Kind::Invalid;
    // Ids may come twice. What is no message has none that could be relied on.
    let position = find(&|member| has_id(member) && is_invalid(member) == is_error)
        .or_else(|| find(&|member| has_id(member)))
        .or_else(|| find(&|member| is_error && is_invalid(member)));
    let position = position.unwrap_or_else(|| panic!("{ending:?} for {id:?} answers nothing"));
    let at = open.remove(position);
    assert!(is_error || members[at].kind == Kind::Request, "a result for {:?}", members[at]);
    at
}

/// Checks the answer to a batch as a whole: one error, or nothing. That nothing is said of a
/// request leaves it open.
pub(super) fn check_refusal(response: &Response, members: &[Message]) -> Ending {
    let [json] = response.messages()[..] else {
        let is_head_or_accepted = response.messages().is_empty();
        assert!(is_head_or_accepted, "several messages and no array");
        let is_silent = members.iter().all(|member| member.kind == Kind::Silent);
        let is_open = response.status == 202 && !is_silent;
        return if is_open { Ending::Open } else { Ending::Empty };
    };
    let message = message_of(json);
    let ending = ending_of(&message);
    assert!(matches!(ending, Ending::Error(_)), "one result for a batch: {json}");
    assert_ne!(response.status, 200, "one error for a batch that was served");
    let is_known = |id| !members_with_id(members, id).is_empty();
    assert!(raw(&message, "id").is_none_or(is_known), "{json} answers nothing");
    ending
}
